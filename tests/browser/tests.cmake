# Pages that people open, looked at in a real browser without a network. Not run under sanitizers: nothing of ours runs in it.
if(NOT NIGHTJAR_SANITIZE)
    nj_scripts(browser LABEL browser TIMEOUT 180)
endif()
