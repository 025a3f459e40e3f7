"""The page of a live session: person and robot side by side, figures, takes."""
