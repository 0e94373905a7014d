module seccinch.test/websvc

go 1.19
