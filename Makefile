# Only calls the ordinary tools; `cargo build` alone works too (then without the browser page).

CARGO ?= cargo
ARGS  ?=

.PHONY: run build page test deb clean

run: page                      ## build and serve on http://127.0.0.1:8080
	$(CARGO) run --release -- $(ARGS)

build: page                    ## target/release/resumed
	$(CARGO) build --release

# The page needs Node.js. Without it everything else works, and / says how to get the page.
page:
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory public/dist/index.html; \
	else echo "left out: the browser page (install Node.js 20 or newer: apt install nodejs npm)"; fi

public/dist/index.html: $(shell find public/src -type f) public/build.mjs public/package.json public/package-lock.json
	cd public && npm ci --no-progress --loglevel=error && npm run build --silent

test: page                     ## every test: cargo's, the conformance suite, foreign clients, the browser's
	$(CARGO) test --workspace
	@tests/browser

# Needs cargo-deb (cargo install cargo-deb).
RELEASE := $(or $(CARGO_TARGET_DIR),target)/release

deb: build                     ## target/debian/resumed_VERSION_ARCH.deb
	packaging/generate $(RELEASE)/resumed $(RELEASE)/generated
	$(CARGO) deb --no-build --strip

clean:
	$(CARGO) clean
	rm -rf public/dist public/node_modules
