"""Pure decisions: desired state x observed state -> plan."""
