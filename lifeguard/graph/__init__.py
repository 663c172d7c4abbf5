"""A lifecycle drawn: where its states go, as SVG and as text. Pure."""
