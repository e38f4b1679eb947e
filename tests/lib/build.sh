# Shell functions that tests/run, bench/demo and bench/security share. Sourced after `root` is set.
#
# Build directories: build/ for the programs as people run them, build/asan with sanitizers,
# build/fuzz by clang with the fuzz targets, build/second-clang for what only is to compile. With
# CC=clang they are build/clang, build/clang-asan and build/second-gcc, so that neither compiler's
# objects are mistaken for the other's.

say() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; }

second_compiler() {
	case $(basename "${CC:-gcc}") in
	clang*) echo gcc ;;
	*) echo clang ;;
	esac
}

# Which directory a kind of build has: release, asan, fuzz or second.
build_dir() {
	case $1:$(basename "${CC:-gcc}") in
	fuzz:*) echo "$root/build/fuzz" ;;
	second:*) echo "$root/build/second-$(second_compiler)" ;;
	release:clang*) echo "$root/build/clang" ;;
	asan:clang*) echo "$root/build/clang-asan" ;;
	release:*) echo "$root/build" ;;
	asan:*) echo "$root/build/asan" ;;
	esac
}

# The word fuzz_targets stands for all programs of tests/fuzz, objects for all that is compiled and
# nothing that is linked; other targets stand for themselves.
ninja_targets() {
	local dir=$1 target
	shift
	for target in "$@"; do
		case $target in
		fuzz_targets)
			ninja -C "$dir" -t targets all |
				sed -n 's,^\(tests/fuzz/fuzz_[a-z_0-9]*\): .*,\1,p'
			;;
		objects) ninja -C "$dir" -t targets all | sed -n 's,^\(.*\.c\.o\): .*,\1,p' ;;
		*) echo "$target" ;;
		esac
	done
}

# build KIND [TARGET…]: configures once, compiles; on failure shows what the compiler said.
build() {
	local kind=$1 dir log options=()
	shift
	dir=$(build_dir "$kind")
	log=$dir/build-log
	case $kind in
	# clang's sanitizers are linked into programs only, so its libraries have undefined symbols.
	asan) options=(-Db_sanitize=address,undefined
		-Db_lundef=false) ;;
	fuzz) options=(-Dfuzz=true -Dbuildtype=debug -Doptimization=1 -Db_sanitize=address,undefined
		-Db_lundef=false -Dc_args=-fsanitize=fuzzer-no-link) ;;
	# Nothing of it is run: what is quick to compile.
	second) options=(-Doptimization=0 -Ddebug=false) ;;
	esac
	mkdir -p "$dir"
	say "builds ${dir#"$root"/}"
	{
		if [ ! -f "$dir/build.ninja" ]; then
			case $kind in
			fuzz) CC=clang meson setup "$dir" "$root" "${options[@]}" ;;
			second)
				CC="$(command -v ccache >/dev/null && echo "ccache ")$(second_compiler)" \
					meson setup "$dir" "$root" "${options[@]}"
				;;
			*) meson setup "$dir" "$root" "${options[@]}" ;;
			esac
		fi && ninja -C "$dir" $(ninja_targets "$dir" "$@")
	} >"$log" 2>&1 && return 0
	tail -n 60 "$log" >&2
	say "the build in ${dir#"$root"/} failed: see ${log#"$root"/}"
	return 1
}
