module seccinch.test/metronome

go 1.19
