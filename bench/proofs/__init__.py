"""Proofs of full size, run by hand: what has to hold with very many people, and how long it takes."""
