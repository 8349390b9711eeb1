"""Effects that another CRM carries out: SuperOffice, or any backend behind a signed webhook."""
