# For packagers: make install, uninstall, dist. No installed file contains the folder in which it was built. The command
# finds its files relative to itself, so DESTDIR can be moved.
#? make install [PREFIX=/usr/local] [DESTDIR=]
#?                         install the command merge-lora, the tools, the pipeline, the demo and man pages
#? make uninstall          remove what make install put there, with the same PREFIX and DESTDIR
#? make dist               write the sources as build/merge-lora-VERSION.tar.gz: the files that git knows, with equal bytes from equal files

OWN_VARIABLES += PREFIX DESTDIR INSTALL INSTALL_PROGRAM INSTALL_SCRIPT INSTALL_DATA HELP2MAN
PREFIX = /usr/local
INSTALL = install
INSTALL_PROGRAM = $(INSTALL)
INSTALL_SCRIPT = $(INSTALL)
INSTALL_DATA = $(INSTALL) -m 644
HELP2MAN = help2man

PACKAGE = merge-lora
INTO = $(DESTDIR)$(PREFIX)
BIN_DIR = $(INTO)/bin
TOOLS_DIR = $(INTO)/libexec/$(PACKAGE)
SHARE_DIR = $(INTO)/share/$(PACKAGE)
MAN_DIR = $(INTO)/share/man/man1

# What the graph needs, and the demo; under the same names in SHARE_DIR.
SHARED = $(sort $(wildcard pipeline/*.mk config/*.yaml data/demo-llama/config.yaml \
  $(foreach d,data/demo data/demo-llama,$d/model/* $d/loras/*/* $d/data/*/*)))
SHARED_DIRS = $(sort $(patsubst %/,%,$(dir $(SHARED))))
MAN_PAGES = $(TOOLS:%=%.1) $(PACKAGE).1

.PHONY: install uninstall dist man man-pages

# The command, with the version and the pipeline's own help inserted.
$(BUILD)/bin/$(PACKAGE): pipeline/merge-lora.sh pipeline/run.mk tools/build.mk tools/install.mk
	$(Q)mkdir -p $(@D)
	$(Q)sed -n '/^#? /{s///;s/^make \([^ ]*\( …same…\)*\)  /\1       /;s/^make //;s/^/  /;p}' pipeline/run.mk >$@.commands
	$(Q)sed -e 's/@VERSION@/$(VERSION)/' -e '/@COMMANDS@/{r $@.commands' -e 'd}' pipeline/merge-lora.sh >$@.new
	$(Q)chmod 755 $@.new && mv $@.new $@ && rm $@.commands

# A page contains the text of --help; its name line uses the second line of it.
write_page = $(HELP2MAN) --no-info --locale=C.UTF-8 --source='$(PACKAGE) $(VERSION)' --manual='Merging LoRA adapters' \
  --name="$$($< --help | sed -n 2p)" $(1) -o $@ $<
$(TOOLS:%=$(BUILD)/man/%.1): $(BUILD)/man/%.1: $(BUILD)/% tools/install.h2m tools/install.mk
	$(Q)mkdir -p $(@D)
	$(Q)$(call write_page,--include=tools/install.h2m)
$(BUILD)/man/$(PACKAGE).1: $(BUILD)/bin/$(PACKAGE)
	$(Q)mkdir -p $(@D)
	$(Q)$(call write_page)
man-pages: $(MAN_PAGES:%=$(BUILD)/man/%)
	@:
man: all
	+@if command -v $(HELP2MAN) >/dev/null; then $(MAKE) --no-print-directory man-pages; \
	else echo 'make: there is no $(HELP2MAN), so there will be no man pages; make deps installs it' >&2; fi

install: all man $(BUILD)/bin/$(PACKAGE)
	$(Q)$(INSTALL) -d "$(BIN_DIR)" "$(TOOLS_DIR)" "$(MAN_DIR)" $(SHARED_DIRS:%="$(SHARE_DIR)/%")
	$(Q)$(INSTALL_SCRIPT) $(BUILD)/bin/$(PACKAGE) "$(BIN_DIR)/"
	$(Q)$(INSTALL_PROGRAM) $(TOOLS:%=$(BUILD)/%) "$(TOOLS_DIR)/"
	$(Q)for d in $(SHARED_DIRS); do \
	  for f in $(SHARED); do [ "$${f%/*}" != $$d ] || echo $$f; done | xargs sh -c '$(INSTALL_DATA) "$$@" "$$0/"' "$(SHARE_DIR)/$$d" || exit; done
	$(Q)! command -v $(HELP2MAN) >/dev/null || $(INSTALL_DATA) $(MAN_PAGES:%=$(BUILD)/man/%) "$(MAN_DIR)/"

# Folders that contain something else stay, and so do folders that other programs share.
uninstall:
	$(Q)rm -f "$(BIN_DIR)/$(PACKAGE)" $(TOOLS:%="$(TOOLS_DIR)/%") $(SHARED:%="$(SHARE_DIR)/%") $(MAN_PAGES:%="$(MAN_DIR)/%")
	$(Q)[ ! -d "$(TOOLS_DIR)" ] || rmdir --ignore-fail-on-non-empty "$(TOOLS_DIR)"
	$(Q)[ ! -d "$(SHARE_DIR)" ] || find "$(SHARE_DIR)" -depth -type d -empty -delete

# Times are those of the last commit, or SOURCE_DATE_EPOCH. Owners and permissions are the same everywhere.
DIST = $(BUILD)/$(PACKAGE)-$(VERSION)
dist:
	$(Q)git rev-parse --git-dir >/dev/null 2>&1 || { echo 'make dist: expected a git checkout, which says the files, found none here' >&2; exit 1; }
	$(Q)mkdir -p $(BUILD)
	$(Q)time=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct)} && git ls-files -z | LC_ALL=C sort -z | \
	  tar -c --format=gnu --null -T - --transform 's,^,$(PACKAGE)-$(VERSION)/,S' --mtime=@$$time --owner=0 --group=0 --numeric-owner \
	    --mode=u=rwX,go=rX -f $(DIST).tar
	$(Q)gzip -n -9 -f $(DIST).tar
	@echo '$(DIST).tar.gz'
