# OFFAXIS_VERSION: from git describe where there is a tag, else the project's version with the commit.
find_package(Git QUIET)
set(OFFAXIS_VERSION "${PROJECT_VERSION}")
if(Git_FOUND)
  execute_process(COMMAND ${GIT_EXECUTABLE} describe --tags --always --dirty WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
                  OUTPUT_VARIABLE described OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(NOT failed)
    if(described MATCHES "^v[0-9]")
      set(OFFAXIS_VERSION "${described}")
    else()
      set(OFFAXIS_VERSION "${PROJECT_VERSION}+${described}")
    endif()
  endif()
endif()
