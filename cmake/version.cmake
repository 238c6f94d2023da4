# Run at every build (cmake -P): writes OUTPUT, a header that defines OFFAXIS_VERSION, where its text changed. From git
# describe where there is a tag, else VERSION with the commit; "-dirty" where tracked files differ from that commit.
set(text "${VERSION}")
if(GIT)
  execute_process(COMMAND ${GIT} describe --tags --always --dirty WORKING_DIRECTORY ${SOURCE}
                  OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(NOT failed)
    if(described MATCHES "^v[0-9]")
      set(text "${described}")
    else()
      set(text "${VERSION}+${described}")
    endif()
  endif()
endif()
file(CONFIGURE OUTPUT ${OUTPUT} CONTENT "#define OFFAXIS_VERSION \"@text@\"\n" @ONLY)
