"""The job board over HTTP: the partners' wire, the board API, the consent widget and the applicants' pages."""
