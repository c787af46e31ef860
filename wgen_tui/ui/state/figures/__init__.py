"""Figures: what a picture says, drawn in characters, as SVG and as CSV."""
