"""Who comes in: enrolment and its checks, events and what they set off, people in bulk, recurring schedules."""
