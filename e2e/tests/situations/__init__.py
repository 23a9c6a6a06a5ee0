"""Situations that a resource can be in, and what each of four readers must make of it.

`verdicts` are the words, `catalog` the situations, `subject` what can be done to bring one about; `recorder` reads
every version of every resource, `play` goes through the situations, `checks` are what no version may break.
"""
