"""The pool owns every loaded model, its bytes and its device, and hands out leases."""
