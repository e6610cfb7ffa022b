"""The whole agent judged: held-out requests about unseen scenes, by every route (`panmodal eval agent`)."""
