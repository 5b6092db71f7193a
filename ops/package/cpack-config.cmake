# cpack-config.cmake - read by cpack before it makes a package: CPack knows no option for these.
set(SHLIBDEPS_EXECUTABLE ${CMAKE_CURRENT_LIST_DIR}/shlibdeps)
