module seccinch.test/plain

go 1.19
