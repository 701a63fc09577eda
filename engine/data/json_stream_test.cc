// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "data/json_stream.h"

#include <gtest/gtest.h>

#include <vector>

#include "data/test_files.h"

namespace ssd {
namespace {

// Every window size puts its boundaries elsewhere: inside strings, escapes, numbers, brackets.
TEST(JsonStream, HandsOutElementsWhateverTheWindow) {
  const std::string first = R"({"a\\":"x\"]}\\","n":[1,{"q":"é"},2e-5],"e":{}})";
  const std::string second = R"("text, [with] \"marks\" \\")";
  const TestFolder folder;
  WriteFile(folder / "x.json", R"( { "skip" : {"deep":[[{"]":"}"}]]} , "num":-12.5,"s":"\\",)"
                               "\"list\":[" +
                                   first + " ,\n" + second +
                                   R"(, 12.75 ,[] ,null], "empty" : [ ], "last":true } )");
  for (size_t window = 1; window < 200; ++window) {
    JsonStream json(folder / "x.json", window);
    std::vector<std::string> got;
    for (std::string key; json.NextKey(&key);) {
      got.push_back(key);
      if (key != "list" && key != "empty") {
        json.SkipValue();
        continue;
      }
      json.EnterArray();
      for (std::string_view text; json.NextElement(&text);) got.emplace_back(text);
    }
    ASSERT_EQ(got, (std::vector<std::string>{"skip", "num", "s", "list", first, second, "12.75",
                                             "[]", "null", "empty", "last"}))
        << window;
  }
}

}  // namespace
}  // namespace ssd
