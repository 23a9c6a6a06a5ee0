"""The kinds of resource: what each one is made of, declared once and read by all."""
