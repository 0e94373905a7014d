module seccinch.test/numbers

go 1.19
