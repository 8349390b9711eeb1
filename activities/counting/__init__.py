"""The numbers: counters, statistics, recount, control groups."""
