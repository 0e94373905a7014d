module floor

go 1.19
