# shellcheck shell=bash
# Sourced by the scripts that build or prepare the static binary.

# libelf_flags: what a static program is linked with besides libelf and zlib; newer libelfs want zstd.
libelf_flags() {
    local flag
    for flag in $(pkg-config --static --libs-only-l libelf); do
        [[ $flag == -lelf || $flag == -lz ]] || printf '%s ' "$flag"
    done
}

# libelf_links: a static program can be linked against the system's libelf. Debian 13's lacks functions that
# it calls itself.
libelf_links() {
    local flags
    read -ra flags < <(libelf_flags)
    printf '%s\n' '#include <libelf.h>' 'int main(void) { return elf_begin(0, ELF_C_READ, 0) != 0; }' \
        | cc -static -x c - -o /dev/null -x none -lelf -lz "${flags[@]}" 2>/dev/null
}
