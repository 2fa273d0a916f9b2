"""Tables and figures over scores."""
