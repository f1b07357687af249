/* A python.exe for the launcher's test: it answers the probe, else records its arguments, one a
   line, in the file that RECORD names and exits with 7.  With ACCEPT set (py.exe) the probe only
   succeeds for that version argument. */
#include <stdio.h>
#include <windows.h>

static int has(wchar_t **words, int count, const wchar_t *word) {
    for (int i = 1; i < count; i++)
        if (wcscmp(words[i], word) == 0) return 1;
    return 0;
}

int main(void) {
    int count;
    wchar_t **words = CommandLineToArgvW(GetCommandLineW(), &count);
    const wchar_t *accept = _wgetenv(L"ACCEPT");
    if (has(words, count, L"-S")) return accept && !has(words, count, accept);
    FILE *record = _wfopen(_wgetenv(L"RECORD"), L"wb");
    if (!record) return 99;
    for (int i = 1; i < count; i++) {
        char line[4096];
        WideCharToMultiByte(CP_UTF8, 0, words[i], -1, line, sizeof line, NULL, NULL);
        fprintf(record, "%s\n", line);
    }
    fclose(record);
    return 7;
}
