"""From looks to posterior histories: hidden Markov models of berths and anchorages."""
