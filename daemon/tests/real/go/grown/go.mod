module seccinch.test/grown

go 1.19
