module seccinch.test/stacks

go 1.19
