@echo off
rem Find a Python 3.10 to 3.13 and hand everything to tinyml_nas\_bootstrap.py, which sets up a private
rem environment the first time and starts the program:  run_modelzoo.bat CONFIG.yaml
rem TINYML_PYTHON names the Python to use.
rem No delayed expansion, and no path inside parentheses: a path may hold "!", "(1)" and spaces.
setlocal DisableDelayedExpansion
set "PYTHONUTF8=1"
rem What the program tells the user to type.
set "TINYML_COMMAND=%~0"

rem A candidate is accepted by running it: the store's stub and 32-bit builds fail here.
set "probe=import sys; sys.exit(not ((3, 10) <= sys.version_info[:2] <= (3, 13) and sys.maxsize > 2**32))"
set "python="

if not defined TINYML_PYTHON goto search
set chosen="%TINYML_PYTHON:"=%"
call :try %chosen%
if defined python goto found
echo run_modelzoo: TINYML_PYTHON=%chosen% is no 64-bit Python 3.10 to 3.13, looking further 1>&2
set "TINYML_PYTHON="

:search
for %%V in (3.12 3.11 3.13 3.10) do if not defined python call :try py -%%V
if not defined python call :try python
if defined python goto found
echo run_modelzoo: no 64-bit Python 3.10 to 3.13 found; tried py -3.12, py -3.11, py -3.13, py -3.10 1>&2
echo and python. Install one from python.org, or set TINYML_PYTHON to its path. 1>&2
exit /b 6

:found
%python% -I "%~dp0tinyml_nas\_bootstrap.py" %*
exit /b %ERRORLEVEL%

:try
%* -S -E -c "%probe%" >nul 2>nul
if %ERRORLEVEL%==0 set python=%*
exit /b 0
