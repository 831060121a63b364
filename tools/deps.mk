# Debian packages that the tools and the tests need. All of them are in Debian.
# - libpcre2-dev: the regular expressions of adapter_config.json. They are Python's, with look-ahead and \b, which
#   regcomp() lacks. They come from others, so a match needs a bound on its steps.
# - clang-format: the layout of the sources. A test checks it, and `make format` applies it.
# - libonig-dev: the regular expressions of a tokenizer.json. The tokenizers library runs them with Oniguruma. PCRE2
#   differs: its \s includes U+180E, for example.
# - libutf8proc-dev: NFC, which a tokenizer.json may ask for, and the characters of UTF-8.
# - gnuplot-nox: the pictures on the page of `make report`. Without it the page has only tables.
# - tidy: a test that the page is valid HTML.
# - graphviz: `make dag` draws with its dot. Without it everything else works.
# - tmux: a test captures the screen of a merge.
# - help2man: `make install` makes the man pages with it, from the tools' --help.
# - slurmctld, slurmd, slurm-client, munge: a test runs merges by a Slurm that it starts itself. Without them it is
#   skipped. Only `LAUNCH=srun …` needs Slurm, and there it is the cluster's.
# Not in the list is chromium, because it is large. Where it is installed, a test looks in it for errors of the page.
#? make deps               install what is missing (by sudo where not root); the only step that needs the network

PACKAGES := gcc g++ make libc6-dev libdnnl-dev libopenblas-dev liblapacke-dev libhdf5-dev hdf5-tools libyaml-dev libjansson-dev \
            libsentencepiece-dev libpcre2-dev libonig-dev libutf8proc-dev libcmocka-dev help2man clang-format graphviz \
            gnuplot-nox tidy tmux slurmctld slurmd slurm-client munge
#? make deps-fuzz          the same for what only make fuzz needs: clang
deps-fuzz: PACKAGES = clang

.PHONY: deps deps-fuzz
deps deps-fuzz:
	@missing=; for p in $(PACKAGES); do \
	  dpkg-query -W -f '$${db:Status-Status}\n' $$p 2>/dev/null | grep -qx installed || missing="$$missing $$p"; done; \
	if [ -z "$$missing" ]; then echo 'deps: nothing is missing'; exit 0; fi; \
	echo "deps: installing$$missing"; \
	if [ "$$(id -u)" = 0 ]; then as=; else as=sudo; fi; \
	$$as apt-get update -qq && \
	$$as env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null
