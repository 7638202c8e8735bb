"""What a server tells of its requests: metrics, traces, logs."""
