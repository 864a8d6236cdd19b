#ifndef INLAY_EXPORT_HPP
#define INLAY_EXPORT_HPP

/* Plain preprocessor, so that C may include it too. */

/** Marks what libinlay.so.0 exports; everything else is hidden. */
#define INLAY_API __attribute__((visibility("default")))

/** Raised whenever a program built against older headers would misread the library. */
#define INLAY_ABI_VERSION 1

#endif
