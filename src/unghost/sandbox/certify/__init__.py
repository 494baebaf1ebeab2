"""`unghost certify`: drives a partner's own running ATS through the cases and says what was seen (spec R39).

It knows the ATS by one TOML file only, and the board by its journal and its public calls. Must know no ATS by name.
"""
