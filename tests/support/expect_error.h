// Asserts that a statement throws offaxis::Error of a kind, with a text that helps.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "core/error.h"

namespace offaxis::testing {

template <typename Body>
void expectError(ErrorKind kind, const std::string& mentions, Body body) {
  try {
    body();
    ADD_FAILURE() << "no error; expected one that mentions '" << mentions << "'";
  } catch (const Error& error) {
    EXPECT_EQ(static_cast<int>(error.kind()), static_cast<int>(kind)) << error.what();
    EXPECT_NE((std::string(error.what()) + " " + error.hint()).find(mentions), std::string::npos)
        << error.what() << " / " << error.hint();
  }
}

}  // namespace offaxis::testing
