"""SuperOffice as the CRM, by its REST WebAPI v1. Tested against a stand-in made from its public documentation."""
