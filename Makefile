# What people and machines run; CONTRIBUTING.md tells when.

.PHONY: check test lint deny bench prepare

# Everything that must hold before a change is proposed.
check: lint test deny

# All tests of all crates, and the examples in their documentation; then those that run a server once more, on PostgreSQL. A PostgreSQL
# and a NATS of their own last as long as they do.
test: prepare
	cargo run --quiet --package local-services -- scripts/test-on-both-stores

# Format, lints and documentation, without warnings.
lint: prepare
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items

# Licences, banned crates, sources.
deny:
	scripts/refuse-banned-crates
	@if cargo deny --version >/dev/null 2>&1; then \
		set -x; cargo deny check bans licenses sources; \
	else \
		echo "deny: skipped, cargo-deny is not installed (cargo install --locked cargo-deny)"; \
	fi

# Torg's figures beside baselines; docs/performance.md explains them. A short run, or some parts: make bench ARGS='--quick postgres'.
bench:
	cargo run --quiet --release --package bench -- $(ARGS)

prepare:
	@scripts/prepare-machine
