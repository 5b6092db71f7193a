#include "common/cli/man.h"

#include <ctype.h>
#include <string.h>

#include "common/cli/arguments.h"

// ---- text ----

// What roff would read as a request or an escape is spelled out.
static void put_text(FILE *out, const char *text)
{
    bool line_begins = true;
    for (const char *c = text; *c != '\0'; c++) {
        if (line_begins && (*c == '.' || *c == '\'')) {
            fputs("\\&", out);
        }
        line_begins = *c == '\n';
        if (*c == '\\') {
            fputs("\\e", out);
        } else if (*c == '-') {
            fputs("\\-", out);
        } else if (*c == '\'') {
            fputs("\\(aq", out);
        } else {
            fputc(*c, out);
        }
    }
}

static void put_heading(FILE *out, const char *title)
{
    fprintf(out, ".SH %s\n", title);
}

void nj_man_page_name(const nj_program *program, const nj_command *command,
                      char out[NJ_MAN_PAGE_BYTES])
{
    snprintf(out, NJ_MAN_PAGE_BYTES, "%s%s%s", program->name, command->name[0] != '\0' ? "-" : "",
             command->name);
    for (char *c = out; *c != '\0'; c++) {
        *c = *c == ' ' ? '-' : *c;
    }
}

static bool is_page(const char *page, const char *name)
{
    for (; *page != '\0' && (*page == *name || (*page == ' ' && *name == '-')); page++, name++) {
    }
    return *page == '\0' && *name == '\0';
}

const nj_command *nj_man_find(const nj_program *program, const char *page)
{
    const size_t prefix = strlen(program->name);
    for (size_t i = 0; i < program->command_count; i++) {
        char name[NJ_MAN_PAGE_BYTES];
        nj_man_page_name(program, &program->commands[i], name);
        if (is_page(page, name) || (strlen(name) > prefix && is_page(page, name + prefix + 1))) {
            return &program->commands[i];
        }
    }
    return NULL;
}

// ---- sections ----

static void write_title(FILE *out, const char *page)
{
    fputs(".TH ", out);
    for (const char *c = page; *c != '\0'; c++) {
        if (*c == '-') {
            fputs("\\-", out);
        } else {
            fputc(toupper((unsigned char)*c), out);
        }
    }
    fprintf(out, " 1 \"\" \"nightjar %s\" \"User Commands\"\n", NIGHTJAR_VERSION);
}

// A page's first line says it without the full stop, the description with one.
static void put_summary(FILE *out, const char *summary, bool has_stop)
{
    char text[256];
    size_t length = (size_t)snprintf(text, sizeof text, "%s", summary);
    length = length < sizeof text ? length : sizeof text - 1;
    if (length > 0 && text[length - 1] == '.') {
        text[length - 1] = '\0';
    }
    put_text(out, text);
    fputs(has_stop ? ".\n" : "\n", out);
}

static void write_name(FILE *out, const char *page, const char *summary)
{
    put_heading(out, "NAME");
    put_text(out, page);
    fputs(" \\- ", out);
    put_summary(out, summary, false);
}

static void write_option(FILE *out, const nj_option *option, bool has_variable)
{
    char name[NJ_OPTION_NAME_BYTES];
    char variable[NJ_VARIABLE_BYTES];
    nj_option_name_write(option->name, name);
    nj_option_variable_write(option->name, variable);
    fputs(".TP\n\\fB\\-\\-", out);
    put_text(out, name);
    fputs("\\fR", out);
    if (option->value != NULL) {
        fputs(" \\fI", out);
        put_text(out, option->value);
        fputs("\\fR", out);
    }
    fputc('\n', out);
    put_text(out, option->help);
    if (option->required) {
        fputs(" (required)", out);
    } else if (nj_option_has_default(option)) {
        fputs(" [", out);
        put_text(out, option->fallback);
        fputs("]", out);
    }
    fputc('\n', out);
    if (has_variable) {
        fprintf(out, ".br\n");
        put_text(out, variable);
        fputc('\n', out);
    }
}

static void write_options(FILE *out, const nj_command *command)
{
    put_heading(out, "OPTIONS");
    for (size_t i = 0; i < command->option_count; i++) {
        write_option(out, &command->options[i], true);
    }
    for (size_t i = 0; i < nj_general_option_count(command); i++) {
        write_option(out, &NJ_GENERAL_OPTIONS[i], i == NJ_GENERAL_CONFIG);
    }
}

static void write_environment(FILE *out)
{
    put_heading(out, "ENVIRONMENT");
    fputs("Every option is also an environment variable: its name stands below the option. A flag "
          "is set by\ntrue or 1. An empty variable is as if it were not there.\n"
          ".PP\nA YAML file, named by \\-\\-config or NIGHTJAR_CONFIG, gives options by their "
          "names (keep\\-history: true).\n"
          "The command line counts before the environment, and that before the file;\n"
          "\\-\\-show\\-config tells what a command would run with, and who says so.\n",
          out);
}

static void write_exit_codes(FILE *out)
{
    nj_exit_code codes[NJ_EXIT_CODES_MAX];
    const size_t count = nj_exit_codes(codes);
    put_heading(out, "\"EXIT STATUS\"");
    for (size_t i = 0; i < count; i++) {
        fprintf(out, ".TP\n\\fB%d\\fR\n", codes[i].code);
        put_text(out, codes[i].sentence);
        if (codes[i].code != 0) {
            fputs("; ", out);
            put_text(out, codes[i].advice);
        }
        fputs(".\n", out);
    }
}

static void write_examples(FILE *out, const char *examples)
{
    put_heading(out, "EXAMPLES");
    fputs(".nf\n", out);
    put_text(out, examples);
    fputs(".fi\n", out);
}

// ---- pages ----

static void write_command_page(const nj_program *program, const nj_command *command, FILE *out)
{
    char page[NJ_MAN_PAGE_BYTES];
    const char *examples = nj_command_examples(program, command);
    nj_man_page_name(program, command, page);
    write_title(out, page);
    write_name(out, page, command->summary);
    put_heading(out, "SYNOPSIS");
    fputs("\\fB", out);
    put_text(out, program->name);
    if (command->name[0] != '\0') {
        fputc(' ', out);
        put_text(out, command->name);
    }
    fputs("\\fR", out);
    if (command->positional != NULL) {
        fputs(" \\fI", out);
        put_text(out, command->positional);
        fputs("\\fR", out);
    }
    fputs(" [\\fIoptions\\fR]\n", out);
    put_heading(out, "DESCRIPTION");
    put_summary(out, command->summary, true);
    fputs(".PP\nResults go to standard output, everything else to standard error.\n", out);
    write_options(out, command);
    if (examples != NULL) {
        write_examples(out, examples);
    }
    write_environment(out);
    write_exit_codes(out);
}

static void write_program_page(const nj_program *program, FILE *out)
{
    write_title(out, program->name);
    write_name(out, program->name, "recommendations for every user, computed overnight");
    put_heading(out, "SYNOPSIS");
    fprintf(out, "\\fB%s\\fR \\fICOMMAND\\fR [\\fIoptions\\fR]\n", program->name);
    put_heading(out, "DESCRIPTION");
    put_text(out, program->summary);
    fputc('\n', out);
    put_heading(out, "COMMANDS");
    for (size_t i = 0; i < program->command_count; i++) {
        char page[NJ_MAN_PAGE_BYTES];
        nj_man_page_name(program, &program->commands[i], page);
        fputs(".TP\n\\fB", out);
        put_text(out, program->commands[i].name);
        fputs("\\fR\n", out);
        put_text(out, program->commands[i].summary);
        fputs("; see \\fB", out);
        put_text(out, page);
        fputs("\\fR(1)\n", out);
    }
    write_environment(out);
    write_exit_codes(out);
}

void nj_man_write(const nj_program *program, const nj_command *command, FILE *out)
{
    if (command != NULL) {
        write_command_page(program, command, out);
    } else {
        write_program_page(program, out);
    }
}
