"""The base of the records that the stages pass on."""
