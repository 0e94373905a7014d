module seccinch.test/probe

go 1.19
