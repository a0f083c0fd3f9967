# `make train` and `make test` run on any GPU. On a Linux without a driver they install Mesa's software driver.
# This file must work with GNU make 3.81, which macOS still ships.

UNAME    ?= $(shell uname -s)
APT      ?= apt-get
LINKER   ?= cc
# The directories in which the Vulkan loader looks for drivers.
ICD_DIRS ?= /usr/share/vulkan/icd.d /usr/local/share/vulkan/icd.d /etc/vulkan/icd.d

# Tests open adapters in processes other than wgrad's, so this keeps Mesa from looking for a display, as src/main.rs does.
NODEVICE_SELECT ?= 1
export NODEVICE_SELECT

.PHONY: help train test lint bench gpu-report offline-gpu fuzz soak driver

help:
	@echo 'make train   download CIFAR-10 and train   ARGS="--epochs 3" passes options'
	@echo 'make test    run every test'
	@echo 'make lint    check format, lints and documentation'
	@echo 'make bench   run the benchmarks            ARGS=... as above'
	@echo 'make gpu-report  measure this GPU for 8 minutes'
	@echo 'make offline-gpu compile four networks with the compilers of six GPUs, without a GPU'
	@echo 'make fuzz    fuzz every parser of files    SECONDS=600 for each'
	@echo 'make soak    kill runs, resume, compare    MINUTES=30'
	@echo 'make driver  install a software Vulkan driver where none is present'

train: driver
	cargo run --release -- train $(ARGS)

test: driver
	cargo test --release $(ARGS)

bench: driver
	cargo bench $(ARGS)

gpu-report: driver
	tools/gpu_report.sh $(ARGS)

# docs/gpu-compilers.md explains the check.
offline-gpu:
	cargo build --release
	python3 tools/offline_gpu/check.py $(ARGS)

# This needs cargo-fuzz and a nightly toolchain. docs/untrusted-files.md explains the limits of an allocation.
SECONDS ?= 600
TARGETS ?= cifar_batch cifar_archive idx picture safetensors npz keras model_file tuning_cache checkpoint history
fuzz:
	for target in $(TARGETS); do \
		case $$target in picture) limit=2048;; *) limit=65;; esac; \
		mkdir -p fuzz/corpus/$$target && \
		cargo +nightly fuzz run $$target fuzz/corpus/$$target tests/attacks/corpus/$$target -- -timeout=20 \
			-max_total_time=$(SECONDS) -max_len=65536 -malloc_limit_mb=$$limit -rss_limit_mb=$$((limit + 1024)) $(ARGS) || exit 1; \
	done

soak: driver
	WGRAD_KILL_MINUTES=$(or $(MINUTES),30) cargo test --release --test resume killed -- --nocapture

lint:
	cargo fmt --check
	cargo clippy --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --no-deps

# macOS and Windows have their drivers. On Linux this looks for the drivers' files, because vulkaninfo is seldom installed.
# Packages for some GPUs have a driver but no loader, so the loader is checked too. cargo needs cc to link.
driver:
	@test "$(UNAME)" = Linux || exit 0; \
	icd=; \
	for place in $(ICD_DIRS) $$(echo "$$VK_DRIVER_FILES:$$VK_ICD_FILENAMES" | tr : ' '); do \
		for file in "$$place" "$$place"/*.json; do \
			case "$$file" in *.json) if test -f "$$file"; then icd=$$file; fi ;; esac; \
		done; \
	done; \
	cc=$$(command -v $(LINKER)) || cc=; \
	if ! command -v $(APT) >/dev/null; then \
		test -n "$$cc" || echo 'No C compiler: cargo needs cc to link.'; \
		test -n "$$icd" || echo 'No Vulkan driver. Install one:' \
			'dnf install mesa-vulkan-drivers (Fedora), pacman -S vulkan-swrast (Arch)'; \
		exit 0; \
	fi; \
	need=; \
	test -n "$$cc" || need="build-essential"; \
	if test -z "$$icd"; then need="$$need mesa-vulkan-drivers"; \
	elif ! PATH="$$PATH:/sbin:/usr/sbin" ldconfig -p | grep -q libvulkan.so.1; then \
		need="$$need libvulkan1"; \
	fi; \
	test -n "$$need" || exit 0; \
	sudo=; test "$$(id -u)" = 0 || sudo=sudo; \
	echo "Installing" $$need; \
	$$sudo $(APT) update -qq && \
	$$sudo env DEBIAN_FRONTEND=noninteractive $(APT) install -y -qq --no-install-recommends $$need
