"""What answers of a running app tell about its security: functions of recorded exchanges, no network."""
