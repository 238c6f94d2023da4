// Spoils HDF5 files behind the back of whoever wrote them.
#pragma once

#include <gtest/gtest.h>
#include <hdf5.h>

#include <cstdint>
#include <string>

namespace offaxis::testing {

// Replaces the text of an attribute of the root group by one of the same length.
inline void rewriteAttribute(const std::string& path, const std::string& name, const std::string& text) {
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  const hid_t attribute = H5Aopen(file, name.c_str(), H5P_DEFAULT);
  const hid_t type = H5Aget_type(attribute);
  if (H5Tis_variable_str(type) > 0) {
    const char* pointer = text.c_str();
    EXPECT_GE(H5Awrite(attribute, type, static_cast<const void*>(&pointer)), 0);
  } else {
    EXPECT_EQ(H5Tget_size(type), text.size() + 1) << name << ", with the end of the text";
    EXPECT_GE(H5Awrite(attribute, type, text.c_str()), 0);
  }
  H5Tclose(type);
  H5Aclose(attribute);
  H5Fclose(file);
}

// Puts another text there, of any length.
inline void replaceAttribute(const std::string& path, const std::string& name, const std::string& text) {
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  EXPECT_GE(H5Adelete(file, name.c_str()), 0);
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, text.size() + 1);
  const hid_t space = H5Screate(H5S_SCALAR);
  const hid_t attribute = H5Acreate2(file, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT);
  EXPECT_GE(H5Awrite(attribute, type, text.c_str()), 0);
  H5Aclose(attribute);
  H5Sclose(space);
  H5Tclose(type);
  H5Fclose(file);
}

// The same of an unsigned number of 64 bits.
inline void rewriteAttribute(const std::string& path, const std::string& name, std::uint64_t number) {
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  const hid_t attribute = H5Aopen(file, name.c_str(), H5P_DEFAULT);
  EXPECT_GE(H5Awrite(attribute, H5T_NATIVE_UINT64, &number), 0);
  H5Aclose(attribute);
  H5Fclose(file);
}

// Replaces all values of an array of doubles.
inline void rewriteVector(const std::string& path, const std::string& name, const double* values) {
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDWR, H5P_DEFAULT);
  const hid_t array = H5Dopen2(file, name.c_str(), H5P_DEFAULT);
  EXPECT_GE(H5Dwrite(array, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values), 0);
  H5Dclose(array);
  H5Fclose(file);
}

}  // namespace offaxis::testing
