// catalogue_picture.h - how evenly a catalogue's codes are used, as an SVG picture.
//
//   a panel a level: items of each code, most first, as a share of all; a dashed line where all would be if codes were used evenly;
//   codes without items are marked on the base line; a last panel for collisions and what each policy gives
#ifndef NJ_OPS_CLI_CATALOGUE_PICTURE_H
#define NJ_OPS_CLI_CATALOGUE_PICTURE_H

#include "common/catalogue/report.h"

/// Writes the file as nj_file_write does. `name`: what the catalogue is called in the title.
NJ_CHECKED nj_status nj_catalogue_picture_write(const char *path, const char *name,
                                                const nj_report *report, nj_error *err);

#endif
