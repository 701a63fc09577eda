# ssd_library(NAME SOURCES a.cc b.cc DEPS x y): the static library ssd_NAME of one folder.
function(ssd_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_library(ssd_${name} STATIC ${ARG_SOURCES})
  target_include_directories(ssd_${name} PUBLIC ${CMAKE_SOURCE_DIR})
  target_link_libraries(ssd_${name} PUBLIC ${ARG_DEPS})
endfunction()

# ssd_test(NAME SOURCES a_test.cc DEPS x y): the GoogleTest program NAME_test, one ctest entry a program.
# SSD_SHARED_DIR names the folder of optional test data; tests that need it skip with a reason without it.
function(ssd_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name}_test ${ARG_SOURCES})
  target_link_libraries(${name}_test PRIVATE ${ARG_DEPS} GTest::gtest GTest::gtest_main)
  target_compile_definitions(${name}_test PRIVATE
    SSD_SHARED_DIR="${CMAKE_SOURCE_DIR}/../../shared")
  add_test(NAME ${name} COMMAND ${name}_test)
endfunction()
