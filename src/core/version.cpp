#include "core/version.h"

namespace offaxis {

const char* version() {
  return OFFAXIS_VERSION;
}

}  // namespace offaxis
