// SPDX-FileCopyrightText: The mlperf-ssd authors
// SPDX-License-Identifier: Apache-2.0
#include "core/json_stream.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "core/error.h"
#include "testing/test_folder.h"

namespace ssd {
namespace {

class JsonStreamTest : public testing::Test {
 protected:
  std::string Write(std::string_view text) const { return folder_.Write("a.json", text); }

 private:
  const TestFolder folder_;
};

// Every window size puts its boundaries elsewhere: inside strings, escapes, numbers, brackets.
TEST_F(JsonStreamTest, HandsOutElementsWhateverTheWindow) {
  const std::string first = R"({"a\\":"x\"]}\\","n":[1,{"q":"é"},2e-5],"e":{}})";
  const std::string second = R"("text, [with] \"marks\" \\")";
  const std::string path =
      Write(R"( { "skip" : {"deep":[[{"]":"}"}]]} , "num":-12.5,"s":"\\",)"
            "\"list\":[" +
            first + " ,\n" + second + R"(, 12.75 ,[] ,null], "empty" : [ ], "last":true } )");
  for (size_t window = 1; window < 200; ++window) {
    JsonStream json(path, window);
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

std::vector<std::string> ElementsOf(const std::string& path, size_t window) {
  std::vector<std::string> got;
  JsonStream json(path, window, JsonStream::Root::kArray);
  for (std::string_view text; json.NextElement(&text);) got.emplace_back(text);
  return got;
}

TEST_F(JsonStreamTest, WalksAListThatIsTheRoot) {
  EXPECT_TRUE(ElementsOf(Write(" [ ] "), 1).empty());
  const std::string path = Write(R"([{"a":[1]} , 2,"]"])"
                                 "\n");
  for (size_t window = 1; window < 30; ++window) {
    EXPECT_EQ(ElementsOf(path, window), (std::vector<std::string>{R"({"a":[1]})", "2", R"("]")"}));
  }
  for (const char* bad : {"", "{}", "17", "[", "[1", "[1,", "[1 2]", "[1] 2", "[{]", "[\"]"}) {
    EXPECT_THROW(ElementsOf(Write(bad), 4), Error) << bad;
  }
}

TEST_F(JsonStreamTest, NamesWhatIsTakenForJson) {
  using std::string_literals::operator""s;
  for (const auto& [text, what] : std::map<std::string, std::string>{
           {"\x1f\x8b\x08", "is compressed: unpack it with gunzip"},
           {"PK\x03\x04 ", "is a zip archive: unpack it"},
           {"\xef\xbb\xbf[]", "begins with a byte order mark: save it without"},
           {"\xff\xfe[\0]\0"s, "is UTF-16: save it as UTF-8"},
           {"\xfe\xff\0[\0]"s, "is UTF-16: save it as UTF-8"},
           {"  \x1f\x8b", "not valid JSON near byte 2: a list must be the root"}}) {
    const std::string path = Write(text);
    for (const size_t window : {1, 100}) {
      try {
        ElementsOf(path, window);
        FAIL() << what;
      } catch (const Error& e) {
        EXPECT_EQ(std::string(e.what()), path + ": " + what);
      }
    }
  }
}

TEST_F(JsonStreamTest, HoldsNoMoreThanItMay) {
  const std::string path = Write("[1, \"" + std::string(100, 'x') + "\", 2]");
  for (const size_t most : std::vector<size_t>{50, 101, 102, 103, 200}) {
    JsonStream json(path, 8, JsonStream::Root::kArray, most);
    std::string_view text;
    ASSERT_TRUE(json.NextElement(&text));
    if (most > 101) {
      ASSERT_TRUE(json.NextElement(&text)) << most;
      EXPECT_EQ(text.size(), 102u);
      continue;
    }
    try {
      json.NextElement(&text);
      FAIL() << most;
    } catch (const Error& e) {
      EXPECT_EQ(std::string(e.what()),
                path + ": not valid JSON near byte 4: the value that begins here is too long");
    }
  }
}

}  // namespace
}  // namespace ssd
