# The tests: programs of tests/unit (cmocka), scripts of tests/cli and tests/pipeline (TAP).
#? make test               build and run every test that needs no GPU; the last line counts them
#?                         EMOTION_DIR=DIR names the folder of the real case; without it its tests skip, saying so
