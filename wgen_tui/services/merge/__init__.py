"""Bringing another home's runs, grades and experiments into this one."""
