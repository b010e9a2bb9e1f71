//! Damaged and hostile images are refused, at bounded cost.

use crate::support::Entry::File;
use crate::support::{Image, gzip, header, tar};
use oci::{Error, ImageFilesError, LimitKind, Limits, extract_file, read_tree};
use tar::EntryType;

#[tokio::test]
async fn names_that_climb_out_of_the_image_are_refused() {
    for name in ["../m/a", "m/../../a", "/.."] {
        let archive = tar(&[File(name, "1")]);
        let image = Image::of_blobs(vec![archive]).await;
        let error = image.read("m").await.unwrap_err();
        assert!(
            matches!(&error, Error::ImageFiles(ImageFilesError::Escapes { path, .. }) if path == name),
            "{error}"
        );
    }
    let inside = Image::of(&[&[File("x/../m/a", "1")]]).await;
    assert_eq!(inside.read("m").await.unwrap().unwrap()["a"], "1");
}

#[tokio::test]
async fn a_damaged_archive_names_layer_and_image() {
    let good = gzip(&tar(&[File("m/a", "1")]));
    let mut bad_header = tar(&[File("m/a", "1")]);
    bad_header[0] = b'x';
    for blob in [
        good[..good.len() - 4].to_vec(),
        good[..40].to_vec(),
        bad_header,
        b"no archive".to_vec(),
    ] {
        let image = Image::of_blobs(vec![blob]).await;
        let error = image.read("m").await.unwrap_err();
        assert!(
            matches!(error, Error::ImageFiles(ImageFilesError::Malformed { .. })),
            "{error}"
        );
        let text = error.to_string();
        assert!(text.contains(&image.repository.display_name()), "{text}");
        assert!(
            text.contains(image.manifest.layers[0].digest.hex()),
            "{text}"
        );
        assert!(image.extract("m/a").await.is_err());
    }
}

#[tokio::test]
async fn a_layer_with_another_digest_is_refused_although_it_can_be_read() {
    let image = Image::of(&[&[File("m/a", "1")]]).await;
    let other = gzip(&tar(&[File("m/a", "2")]));
    assert_eq!(
        other.len(),
        std::fs::read(image.blob_file(0)).unwrap().len()
    );
    std::fs::write(image.blob_file(0), other).unwrap();
    for error in [
        image.read("m").await.unwrap_err(),
        image.extract("m/a").await.unwrap_err(),
    ] {
        assert!(matches!(error, Error::DigestMismatch { .. }), "{error}");
    }
    assert!(!image.folder.path().join("extracted").exists());
}

async fn limit_met(image: &Image, limits: Limits) -> Option<LimitKind> {
    match read_tree(&image.repository, &image.manifest, "m", &limits).await {
        Err(Error::ImageFiles(ImageFilesError::LimitExceeded { kind, layer, .. })) => {
            assert!(
                image
                    .manifest
                    .layers
                    .iter()
                    .any(|known| known.digest == layer)
            );
            Some(kind)
        }
        Ok(_) => None,
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn every_limit_is_met_by_its_kind() {
    let image = Image::of(&[&[File("m/a", "12345")], &[File("m/b", "12345")]]).await;
    let enough = Limits {
        max_file_bytes: 5,
        max_content_bytes: 10,
        max_total_bytes: 4096,
        max_entries: 2,
        max_layers: 2,
    };
    assert_eq!(limit_met(&image, enough).await, None);
    for (limits, kind) in [
        (
            Limits {
                max_file_bytes: 4,
                ..enough
            },
            LimitKind::File,
        ),
        (
            Limits {
                max_content_bytes: 9,
                ..enough
            },
            LimitKind::Content,
        ),
        (
            Limits {
                max_total_bytes: 1023,
                ..enough
            },
            LimitKind::Total,
        ),
        (
            Limits {
                max_entries: 1,
                ..enough
            },
            LimitKind::Entries,
        ),
    ] {
        assert_eq!(limit_met(&image, limits).await, Some(kind));
    }
    let fewer = Limits {
        max_layers: 1,
        ..enough
    };
    let error = read_tree(&image.repository, &image.manifest, "m", &fewer)
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::ImageFiles(ImageFilesError::TooManyLayers {
                layers: 2,
                limit: 1,
                ..
            })
        ),
        "{error}"
    );
}

#[tokio::test]
async fn a_bomb_costs_no_more_than_the_limit() {
    // 10 GiB of zeros in 10 MB: a header that promises them, and as many gzip members as it takes.
    let promise =
        gzip(header(EntryType::Regular, "x/zeros", 8 * 1024 * 1024 * 1024 - 1).as_bytes());
    let zeros = gzip(&vec![0; 64 * 1024 * 1024]);
    let mut bomb = promise;
    for _ in 0..160 {
        bomb.extend_from_slice(&zeros);
    }
    let image = Image::of_blobs(vec![bomb]).await;
    let limits = Limits {
        max_total_bytes: 1024 * 1024,
        ..Limits::bundle()
    };
    assert_eq!(limit_met(&image, limits).await, Some(LimitKind::Total));
    let to = image.folder.path().join("extracted");
    let error = extract_file(&image.repository, &image.manifest, "x/zeros", &to, &limits)
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::ImageFiles(ImageFilesError::LimitExceeded {
                kind: LimitKind::File,
                ..
            })
        ),
        "{error}"
    );
    assert!(!to.exists());
}

#[tokio::test]
async fn names_of_absurd_length_are_refused() {
    let mut archive = tar::Builder::new(Vec::new());
    let long = "d/".repeat(3000);
    archive
        .append_data(&mut header(EntryType::Directory, "", 0), &long, &b""[..])
        .unwrap();
    let image = Image::of_blobs(vec![archive.into_inner().unwrap()]).await;
    let error = image.read("m").await.unwrap_err();
    assert!(
        matches!(error, Error::ImageFiles(ImageFilesError::Malformed { .. })),
        "{error}"
    );
}
