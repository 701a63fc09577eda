// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "comm/nccl_api.h"

#include <string>

#include "core/shared_library.h"

namespace ssd {

NcclApi LoadNccl() {
  const SharedLibrary library("libnccl.so.2",
                              {"install NCCL for CUDA 13, and name its folder in LD_LIBRARY_PATH",
                               "install NCCL " + std::to_string(NCCL_MAJOR) + "." +
                                   std::to_string(NCCL_MINOR) + " or newer"});
  NcclApi api;
  library.Find("ncclGetErrorString", api.error_string);
  library.Find("ncclGetUniqueId", api.unique_id);
  library.Find("ncclCommInitRankConfig", api.init);
  library.Find("ncclCommGetAsyncError", api.async_error);
  library.Find("ncclCommAbort", api.abort);
  library.Find("ncclAllReduce", api.all_reduce);
  library.Find("ncclBroadcast", api.broadcast);
  library.Find("ncclSend", api.send);
  library.Find("ncclRecv", api.receive);
  library.Find("ncclGroupStart", api.group_start);
  library.Find("ncclGroupEnd", api.group_end);
  return api;
}

}  // namespace ssd
