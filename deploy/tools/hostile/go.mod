module github.com/hookproof/hookproof/deploy/tools/hostile

go 1.26.0
