# Script: write OUTPUT, a C file defining the build id, from SALT and the files named in LIST.
file(STRINGS "${LIST}" inputs)
set(material "${SALT}")
foreach(input IN LISTS inputs)
  file(RELATIVE_PATH name "${ROOT}" "${input}")
  file(SHA256 "${input}" digest)
  string(APPEND material "\n${name} ${digest}")
endforeach()
string(SHA256 id "${material}")
string(SUBSTRING "${id}" 0 20 id)
file(WRITE "${OUTPUT}"
     "/* Generated while building. */\n"
     "extern const char inlay_detail_build_id[];\n"
     "const char inlay_detail_build_id[] = \"${id}\";\n")
